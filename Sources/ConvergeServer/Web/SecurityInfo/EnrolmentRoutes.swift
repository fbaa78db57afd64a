enum EnrolmentRoutes {
    static let routes: [Route] = []
}
