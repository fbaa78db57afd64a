enum AdministrationPages {
    static let routes: [Route] = []
}
