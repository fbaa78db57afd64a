enum NoticeRoutes {
    static let routes: [Route] = []
}
