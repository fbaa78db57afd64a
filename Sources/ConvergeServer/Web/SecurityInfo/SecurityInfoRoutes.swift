enum SecurityInfoRoutes {
    static let routes: [Route] = []
}
