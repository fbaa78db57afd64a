enum ResetPages {
    static let routes: [Route] = []
}
