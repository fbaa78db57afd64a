/// What a page asks for; one template per prompt serves every method.
public enum Prompt: Hashable, Sendable {
    /// Scan a QR code, or type the key, then type the code the app shows.
    case scan(uri: Secret, key: Secret)
    /// Type a phone number.
    case phone(region: String?, typed: String)
    /// Type a mail address.
    case email(typed: String)
    /// Let the browser make a passkey, and give it a name.
    case createPasskey(PasskeyCreation)
    /// Let the browser use a passkey.
    case usePasskey(PasskeyRequest)
    /// Choose questions from a pool and answer them.
    case chooseQuestions(pool: [SecurityQuestion], chosen: [ChosenAnswer])
    /// Answer these, all at once.
    case questions([SecurityQuestion])
    /// Type the serial number of a hardware token and the code it shows.
    case token(serial: String)
    /// Type a code; `sentTo` is masked or full as proof allows.
    case code(length: Int, sentTo: String?, until: Moment?, canSendAgain: Bool)
    /// Answer a call and press a key.
    case call(Calling)
    /// Scan or type a code in the app that is being registered.
    case activate(Activating)
    /// Type a number in the app.
    case approve(Approving)
}
