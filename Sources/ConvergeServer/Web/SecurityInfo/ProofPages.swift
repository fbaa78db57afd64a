enum ProofPages {
    static let routes: [Route] = []
}
