enum SecurityInfoPages {
    static let routes: [Route] = []
}
