enum EnrolmentPages {
    static let routes: [Route] = []
}
