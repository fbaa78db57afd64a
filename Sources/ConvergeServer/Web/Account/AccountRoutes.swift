enum AccountRoutes {
    static let routes: [Route] = []
}
