enum SetupPages {
    static let routes: [Route] = []
}
