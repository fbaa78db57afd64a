enum AccountPages {
    static let routes: [Route] = []
}
