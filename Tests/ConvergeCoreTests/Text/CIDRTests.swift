import ConvergeCore
import Foundation
import Testing

@Suite("IP addresses")
struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"), ("2001:DB8::1", "2001:db8::1"), ("::", "::"), ("::1", "::1"),
        ("1::", "1::"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::ffff:192.0.2.1", "192.0.2.1"), ("0:0:0:0:0:ffff:c000:201", "192.0.2.1"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ])
    func `an address is read and written canonically`(text: String, canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "1.2.3.+4", "0x1.2.3.4", "1..2.3",
        "١.2.3.4", ":", ":::", "1:::2", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
        ":1:2:3:4:5:6:7", "12345::", "g::", "fe80::1%eth0", "[::1]", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
        "+1::", "1:",
    ])
    func `what is no address is refused`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `whatever is written reads back`() {
        var random = Repeatable(seed: 19)
        for _ in 0..<2000 {
            let dense = random.bytes(16)
            let sparse = dense.enumerated().map { dense[$0.offset / 2] & 1 == 0 ? 0 : $0.element }
            for bytes in [dense, sparse, Array(dense.prefix(4))] {
                let address = IPAddress(bytes: bytes)
                #expect(address != nil && IPAddress(address?.description ?? "") == address)
            }
        }
        #expect(IPAddress(bytes: [1, 2, 3]) == nil)
    }

    @Test func `budgets count an IPv4 address whole and an IPv6 address by its first half`() {
        #expect(IPAddress("192.0.2.77")?.networkKey == "192.0.2.77")
        #expect(IPAddress("2001:db8:1:2:3:4:5:6")?.networkKey == "2001:db8:1:2::/64")
        #expect(IPAddress("2001:db8:1:2::9")?.networkKey == "2001:db8:1:2::/64")
        #expect(IPAddress("2001:db8:1:3::9")?.networkKey == "2001:db8:1:3::/64")
        #expect(IPAddress("::ffff:192.0.2.77")?.networkKey == "192.0.2.77")
        #expect(IPAddress("::1")?.networkKey == "::/64")
    }

    @Test(arguments: [
        "127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001::1", "2001:db8::1", "::127.0.0.1",
    ])
    func `a special address is not public`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic == false)
    }

    @Test(arguments: ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1", "2a00:1450::1"])
    func `an ordinary address is public`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic)
    }
}

@Suite("Networks")
struct CIDRTests {
    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false), ("10.0.0.0/9", "10.127.255.255", true),
        ("10.0.0.0/9", "10.128.0.0", false), ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false),
        ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "8.8.8.8", false), ("::/0", "2001:db8::1", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::", false),
        ("::ffff:10.0.0.0/104", "10.1.1.1", true), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
    ])
    func `a network holds what shares its prefix`(network: String, address: String, expected: Bool) throws {
        #expect(try CIDR(network).contains(try #require(IPAddress(address))) == expected)
    }

    @Test func `refusals say what is wrong, and what was meant`() {
        for text in ["", "/8", "example.org/8", "10.0.0/8"] { #expect(throws: CIDRProblem.notAnAddress) { try CIDR(text) } }
        let prefixes = [
            "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8", "::/129", "::ffff:10.0.0.0/8",
        ]
        for text in prefixes {
            #expect(throws: CIDRProblem.notAPrefixLength) { try CIDR(text) }
        }
        #expect(throws: CIDRProblem.hostBits(network: "192.168.1.0/24")) { try CIDR("192.168.1.5/24") }
        #expect(throws: CIDRProblem.hostBits(network: "2001:db8::/32")) { try CIDR("2001:db8::1/32") }
    }

    @Test func `a network survives a policy document`() throws {
        let networks = [try CIDR("10.0.0.0/8"), try CIDR("2001:db8::/32")]
        #expect(try JSONDecoder().decode([CIDR].self, from: JSONEncoder().encode(networks)) == networks)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([CIDR].self, from: Data(#"["10.0.0.1/8"]"#.utf8)) }
    }
}

@Suite("Whose request it is")
struct ClientAddressTests {
    private func client(_ peer: String, _ headers: [String], trusted: [String] = ["10.0.0.0/8", "2001:db8::/32"]) throws -> String {
        let peer = try #require(IPAddress(peer))
        return ClientAddress.resolve(peer: peer, forwardedFor: headers, trusted: try trusted.map { try CIDR($0) }).description
    }

    @Test func `without a trusted proxy the header means nothing`() throws {
        #expect(try client("198.51.100.9", ["192.0.2.1"]) == "198.51.100.9")
        #expect(try client("10.0.0.1", ["192.0.2.1"], trusted: []) == "10.0.0.1")
        #expect(try client("10.0.0.1", []) == "10.0.0.1")
    }

    @Test func `the right-most hop that is not trusted is the client, whatever was invented before it`() throws {
        #expect(try client("10.0.0.1", ["192.0.2.1"]) == "192.0.2.1")
        #expect(try client("10.0.0.1", ["1.1.1.1, 192.0.2.1, 10.0.0.2"]) == "192.0.2.1")
        #expect(try client("10.0.0.1", ["1.1.1.1", "192.0.2.1 , 10.0.0.2", "2001:db8::5"]) == "192.0.2.1")
        #expect(try client("10.0.0.1", ["10.0.0.9,10.0.0.8"]) == "10.0.0.9")
        #expect(try client("::ffff:10.0.0.1", ["192.0.2.1"]) == "192.0.2.1")
    }

    @Test func `a hop that is no address ends the walk`() throws {
        #expect(try client("10.0.0.1", ["192.0.2.1, unknown, 10.0.0.2"]) == "10.0.0.2")
        #expect(try client("10.0.0.1", ["192.0.2.1,"]) == "10.0.0.1")
        for hop in ["192.0.2.1:x", "192.0.2.1:", "[::1", "[192.0.2.1]:80", "[::1]x", "192.0.2.1:99999", "\"\""] {
            #expect(try client("10.0.0.1", [hop]) == "10.0.0.1", "\(hop)")
        }
    }

    @Test func `ports and brackets are understood`() throws {
        #expect(try client("10.0.0.1", ["192.0.2.1:4711"]) == "192.0.2.1")
        #expect(try client("10.0.0.1", ["[2a00::1]:4711"]) == "2a00::1")
        #expect(try client("10.0.0.1", ["[2a00::1]"]) == "2a00::1")
    }

    @Test func `a header of any length costs a bounded walk`() throws {
        let header = "192.0.2.1" + String(repeating: ",10.0.0.2", count: 5000)
        #expect(try client("10.0.0.1", [header]) == "10.0.0.2")
    }
}
