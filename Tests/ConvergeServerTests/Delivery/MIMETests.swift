import ConvergeCore
import ConvergeServer
import Foundation
import Testing

@Suite struct MIMETests {
    private func message(name: String = "Example", subject: String = "Your code", text: String = "Hello", html: String = "<p>Hello</p>")
        -> MailMessage
    {
        MailMessage(
            fromName: name, from: EmailAddress("id@example.org")!, to: EmailAddress("ada@example.org")!, subject: subject, text: text,
            html: html, date: Moment(ms: 1_700_000_000_000), key: "abc-123_X")
    }

    private func wire(_ message: MailMessage) throws -> String { String(decoding: try message.bytes(), as: UTF8.self) }

    @Test func `the headers are those of an automatic message`() throws {
        let text = try wire(message())
        for line in [
            "From: Example <id@example.org>", "To: <ada@example.org>", "Subject: Your code", "Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "Message-ID: <abc-123_X@example.org>", "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
        ] { #expect(text.contains(line + "\r\n")) }
    }

    @Test func `another program reads back what was written`() throws {
        let long = String(repeating: "Grüße an Zoë – ", count: 20) + "=20 end \n.\nlast\t"
        let subject = "Ihr Code für „Beispiel“: 123456, gültig für zehn Minuten ab jetzt, bitte nicht weitergeben 🎉🎉🎉"
        let message = message(name: "Größe, \"Co\" <x@y.z>", subject: subject, text: long, html: "<p>ä=ö</p>")
        let folder = try TemporaryFolder()
        try Data(message.bytes()).write(to: URL(fileURLWithPath: folder.path + "/m"))
        let script = """
            import email, email.policy, json, sys
            m = email.message_from_bytes(open(sys.argv[1], 'rb').read(), policy=email.policy.default)
            parts = [p.get_content() for p in m.iter_parts()]
            sender = m['from'].addresses[0]
            print(json.dumps([m['subject'], sender.display_name, sender.addr_spec, str(len(m.defects))] + parts))
            """
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script, folder.path + "/m"]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let read = try JSONDecoder().decode([String].self, from: data)
        #expect(read == [subject, "Größe, \"Co\" <x@y.z>", "id@example.org", "0", long.replacing("\n", with: "\r\n"), "<p>ä=ö</p>"])
    }

    @Test func `no line is longer than mail allows and every line ends in CR LF`() throws {
        let text = try wire(message(subject: String(repeating: "ä", count: 100), text: String(repeating: "é ", count: 500)))
        let lines = text.components(separatedBy: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 78 && !$0.contains("\n") && !$0.contains("\r") })
        #expect(text.utf8.allSatisfy { $0 < 128 })
    }

    @Test(arguments: ["x\r\nBcc: eve@example.org", "x\ny", "x\0", "x\u{7f}"])
    func `a header that would add headers is refused`(text: String) {
        #expect(throws: MIMEError.unsafeHeader("Subject")) { try message(subject: text).bytes() }
        #expect(throws: MIMEError.unsafeHeader("From")) { try message(name: text).bytes() }
        var odd = message()
        odd.key = text
        #expect(throws: MIMEError.unsafeHeader("Message-ID")) { try odd.bytes() }
    }
}
