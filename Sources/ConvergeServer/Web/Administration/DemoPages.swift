enum DemoPages {
    static let routes: [Route] = []
}
