import Foundation

/// Certificates of a maker of authenticators, made once with a program of ten lines: P-256, 2024 to 3024, whatever is not named absent.
enum AttestationChains {
    /// An authority above one other at most.
    static let root = der(
        "MIIBRjCB7qADAgECAhRhYBENWkLKt+j3YTZbs3v0xQBU/DAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARSb290MCAXDTI0MDEwMTAw"
            + "MDAwMFoYDzMwMjQwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDARSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAET4GqbmcnfiLn"
            + "eMyB0aDBdM+2L63/D0xqZQggDTU4f1Rvt5SUPsF3+ACZd7l0CipqpgrE74B6G1zN98LuLWg1qqMmMCQwEgYDVR0TAQH/BAgwBgEB"
            + "/wIBATAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZIzj0EAwIDRwAwRAIgO5KLGgY6cU4QotnUs0xZmr+UgYtqfGTs6djbAO2ddJcCIBEQ"
            + "FK/t9Ghe2p6zK3gLouiFICQWS6fdwU5D20LYzELL")
    /// Issued by the root: an authority above no other.
    static let maker = der(
        "MIIBSTCB76ADAgECAhR3DDbH7pzwraE56qikN/ptGO+B1DAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARSb290MCAXDTI0MDEwMTAw"
            + "MDAwMFoYDzMwMjQwMTAxMDAwMDAwWjAQMQ4wDAYDVQQDDAVNYWtlcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABBKyCl+khGJ+"
            + "r0lQ438Iu01SV+POVH/RWCa9lX6yMcv+cTQFUhK6q4D0HNjoQbFQCE8SeGBr61JtTjhjDBIwvRajJjAkMBIGA1UdEwEB/wQIMAYB"
            + "Af8CAQAwDgYDVR0PAQH/BAQDAgIEMAoGCCqGSM49BAMCA0kAMEYCIQCs1CJ3p24xarJ+9wsGGnRhgZ/pNkwdORhKYTkDcWtH6QIh"
            + "AIQwqhK2FABycgfZ4N20J7m/3ab4I9pKxsDj2WBMauZ8")
    /// Issued by the maker, which it may not.
    static let branch = der(
        "MIIBRzCB7qADAgECAhRb3aQVsdRxhM6OlF3E6m84aHwQKTAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVNYWtlcjAgFw0yNDAxMDEw"
            + "MDAwMDBaGA8zMDI0MDEwMTAwMDAwMFowETEPMA0GA1UEAwwGQnJhbmNoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHzubE1IX"
            + "dCBoCz0MwGsSDqahbchhGsiuh6swmoUQXhwN00m243yhyCj2qENyVlOFVb3/iTnxzfBdr+wCqM9QAaMjMCEwDwYDVR0TAQH/BAUw"
            + "AwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZIzj0EAwIDSAAwRQIgYkRmUzDACdpzDj1KQGS6qa+x+O+bcaUkGuZUj3vG4dwCIQDd"
            + "21FVmT/oRDc4Y4pbZTLN5o5Q7+j4jKr/Y7ZFgQTwJQ==")
    /// Issued by the root: an authority by its constraints, for signing documents by its key usage.
    static let signsDocuments = der(
        "MIIBSTCB8KADAgECAhQJ4v5mjQuqkYCkHjuJc/RRK7qolTAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARSb290MCAXDTI0MDEwMTAw"
            + "MDAwMFoYDzMwMjQwMTAxMDAwMDAwWjARMQ8wDQYDVQQDDAZTaWduZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATZb3esTYiG"
            + "vqJGb7nZ0cpBeeCn3KJfIXS9N3ef5EmeiInr0EflfyS0eoC2FIePPUasU4RnsO+tsgg/GWPzwRgFoyYwJDASBgNVHRMBAf8ECDAG"
            + "AQH/AgEAMA4GA1UdDwEB/wQEAwIHgDAKBggqhkjOPQQDAgNIADBFAiARxiNSL3e8kRURL30DRp9woS5tWBfMLpYhH1lVMr51owIh"
            + "AK3S8S72SmwU9HcG7aXYTTS7w/E0PlsialPTyYN8wo2r")
    /// An authenticator's, issued by the maker.
    static let ofMaker = der(
        "MIIBQjCB6aADAgECAhQh/xZty40KgOLmSBvl6CBPYs11ZzAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVNYWtlcjAgFw0yNDAxMDEw"
            + "MDAwMDBaGA8zMDI0MDEwMTAwMDAwMFowDzENMAsGA1UEAwwETGVhZjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEziaPBJuQ4o"
            + "AacQUd8n1ziF107ccjN5Y4MFvN8n5tGfGNlMbMY3u+/gwkMZmE59saCUukYF/qcy/BkMzikmW7SjIDAeMAwGA1UdEwEB/wQCMAAw"
            + "DgYDVR0PAQH/BAQDAgeAMAoGCCqGSM49BAMCA0gAMEUCIH9ZyeqzIwHotuDJRqn+wTustSwAaO+Z3avFaa/w2dVoAiEAuB6GXgar"
            + "1JSziNaQU32QJzMDiADyxtDjHtiDR6ClMpE=")
    /// One issued by the branch.
    static let ofBranch = der(
        "MIIBRDCB6qADAgECAhRL+kbwUTWdVu8LMvTq1foelv9OdDAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZCcmFuY2gwIBcNMjQwMTAx"
            + "MDAwMDAwWhgPMzAyNDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBExlYWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARM4mjwSbkO"
            + "KAGnEFHfJ9c4hddO3HIzeWODBbzfJ+bRnxjZTGzGN7vv4MJDGZhOfbGglLpGBf6nMvwZDM4pJlu0oyAwHjAMBgNVHRMBAf8EAjAA"
            + "MA4GA1UdDwEB/wQEAwIHgDAKBggqhkjOPQQDAgNJADBGAiEAnxf7LM7qPnOTRbFB9OSNqMSACByS8n5W/TEklpB/MK0CIQCs//7E"
            + "Ov7czGQwYE3ZIRs8Ih6IgLJbuMfam+MfHp7G9w==")
    /// One issued by the authority that signs documents.
    static let ofSigner = der(
        "MIIBQzCB6qADAgECAhQbntiwlhwWn0rH+qMvYlV3V6zTEzAKBggqhkjOPQQDAjARMQ8wDQYDVQQDDAZTaWduZXIwIBcNMjQwMTAx"
            + "MDAwMDAwWhgPMzAyNDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBExlYWYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARM4mjwSbkO"
            + "KAGnEFHfJ9c4hddO3HIzeWODBbzfJ+bRnxjZTGzGN7vv4MJDGZhOfbGglLpGBf6nMvwZDM4pJlu0oyAwHjAMBgNVHRMBAf8EAjAA"
            + "MA4GA1UdDwEB/wQEAwIHgDAKBggqhkjOPQQDAgNIADBFAiEAqn8t682E/MXrMLTL6Q5vuBf0qdV2zUjzBhFzKHCEv2ECIAgre3Kw"
            + "lScSy/eYVVrqGCnpH20XP1/Ju54GcuJKDCxN")

    /// A certificate as an operator would configure it.
    static func pem(_ der: [UInt8]) -> String {
        let body = Data(der).base64EncodedString(options: .lineLength64Characters)
        return "-----BEGIN CERTIFICATE-----\n\(body)\n-----END CERTIFICATE-----"
    }

    private static func der(_ base64: String) -> [UInt8] { Array(Data(base64Encoded: base64)!) }
}
