import ConvergeServer
import Foundation
import Testing

@Suite struct QRCodeTests {
    private let uri =
        "otpauth://totp/Example%20Org:ada@example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example%20Org&digits=6&period=30"

    @Test func `a reader decodes the picture drawn from the SVG path`() throws {
        let svg = try QRCode(uri).svg(label: "Set-up code")
        let folder = try TemporaryFolder()
        let picture = try draw(svg)
        let file = folder.path + "/code.pgm"
        try picture.write(to: URL(fileURLWithPath: file))
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/zbarimg")
        process.arguments = ["--quiet", "--raw", file]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let read = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(read == uri + "\n")
    }

    @Test func `the picture is one white ground, one path, a role and an escaped label`() throws {
        let code = try QRCode("x")
        let svg = code.svg(label: #"<"Code" & more>"#)
        let size = code.modules.count + 8
        #expect(svg.hasPrefix(#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(size) \#(size)" role="img""#))
        #expect(svg.contains(#"aria-label="&lt;&quot;Code&quot; &amp; more&gt;""#))
        #expect(svg.components(separatedBy: "<path").count == 2)
        #expect(svg.contains(##"fill="#fff""##))
        #expect(!svg.contains("style=") && !svg.contains("<script"))
    }

    @Test func `a text too long for any code is refused`() {
        #expect(throws: QRCodeTooLong.self) { try QRCode(String(repeating: "x", count: 3000)) }
    }

    /// Draws the path's runs at four pixels a module: what a browser does with the SVG, as a portable greymap.
    private func draw(_ svg: String) throws -> Data {
        let scale = 4
        let box = try #require(svg.firstMatch(of: /viewBox="0 0 (\d+) (\d+)"/))
        let size = try #require(Int(box.1))
        var pixels = [UInt8](repeating: 255, count: size * size * scale * scale)
        for run in svg.matches(of: /M(\d+) (\d+)h(\d+)v1h-\d+z/) {
            let x = Int(run.1)!
            let y = Int(run.2)!
            let length = Int(run.3)!
            for row in y * scale..<(y + 1) * scale {
                for column in x * scale..<(x + length) * scale { pixels[row * size * scale + column] = 0 }
            }
        }
        return Data("P5\n\(size * scale) \(size * scale)\n255\n".utf8) + pixels
    }
}
