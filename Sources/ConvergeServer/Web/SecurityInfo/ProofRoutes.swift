enum ProofRoutes {
    static let routes: [Route] = []
}
