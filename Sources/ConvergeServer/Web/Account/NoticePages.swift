enum NoticePages {
    static let routes: [Route] = []
}
