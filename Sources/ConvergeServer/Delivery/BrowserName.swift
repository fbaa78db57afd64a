/// What a browser calls itself, in words people know.
enum BrowserName {
    /// The more particular name stands first: nearly every browser also says Chrome or Safari.
    private static let browsers = [
        ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
    ]
    private static let systems = [
        ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
        ("Mac OS", "Mac"), ("Linux", "Linux"),
    ]

    /// Browser and system, for example "Firefox, Windows"; empty where neither is known. Never the text itself, which
    /// anybody can choose.
    static func of(_ agent: String) -> String {
        [browsers, systems].compactMap { names in names.first { agent.contains($0.0) }?.1 }.joined(separator: ", ")
    }
}
