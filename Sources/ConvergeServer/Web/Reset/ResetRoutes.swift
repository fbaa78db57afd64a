enum ResetRoutes {
    static let routes: [Route] = []
}
