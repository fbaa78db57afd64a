enum AdministrationRoutes {
    static let routes: [Route] = []
}
