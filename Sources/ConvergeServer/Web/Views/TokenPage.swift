import ConvergeCore

/// Connects a hardware token: the serial number on its back, and the code it shows.
struct TokenPage: Page {
    static let template = "part/fields"
    var serial: String
    var around: Around

    var frame: Frame {
        var frame = around.frame(heading: Message("token.heading"))
        frame.lead = Message("token.lead")
        return frame
    }

    func body(_ say: Speaker) -> Slots {
        let number = Field(
            "serial", .search, label: Message("token.serial"), hint: Message("token.serial-hint"), value: serial,
            takesFocus: serial.isEmpty)
        let code = Field("code", .code(digits: 8), label: Message("token.code"), takesFocus: !serial.isEmpty)
        return around.slots(say).merging([
            "fields": [number, code].map { $0.slots(say, errors: around.errors) }, "submit": say(Message("token.submit")),
        ])
    }
}
