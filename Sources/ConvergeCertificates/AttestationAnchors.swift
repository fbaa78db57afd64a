public import ConvergeCore
import Crypto
import Foundation
import SwiftASN1
import X509

/// Certificates of makers of authenticators that the operator trusts, and the way from a certificate to one of them.
///
/// The way is the simple one that authenticators have: each certificate was issued by the next, the last one by an anchor or is one. Who
/// issued must be an authority, for signing certificates, above as many others as it may be (RFC 5280, 4.2.1.3 and 4.2.1.9). Where a
/// certificate demands something that is not looked at (a critical extension), it leads nowhere.
public struct AttestationAnchors: AttestationTrust {
    private let anchors: [Certificate]

    public init() { anchors = [] }

    /// Reads certificates in PEM. Nil when there is none, or one of them is broken.
    public init?(pem: String) {
        guard let documents = try? PEMDocument.parseMultiple(pemString: pem), !documents.isEmpty,
            let anchors = try? documents.map({ try Certificate(pemDocument: $0) })
        else { return nil }
        self.anchors = anchors
    }

    /// How many there are.
    public var count: Int { anchors.count }

    /// When the first of them ends.
    public var firstEnd: Moment? { anchors.map { Moment(ms: Int64($0.notValidAfter.timeIntervalSince1970 * 1000)) }.min() }

    public func certificate(_ der: [UInt8]) -> AttestationCertificate? {
        guard let certificate = try? Certificate(derEncoded: der), let key = Self.key(certificate.publicKey),
            let kind = try? Self.kind(certificate)
        else { return nil }
        let subject = certificate.subject
        return AttestationCertificate(
            isVersion3: certificate.version == .v3, country: Self.value(.RDNAttributeType.countryName, subject),
            organisation: Self.value(.RDNAttributeType.organizationName, subject),
            unit: Self.value(.RDNAttributeType.organizationalUnitName, subject),
            commonName: Self.value(.RDNAttributeType.commonName, subject), isAuthority: Self.isAuthority(certificate), kind: kind.value,
            key: key)
    }

    public func isAnchored(_ chain: [[UInt8]], at now: Moment) -> Bool {
        guard let certificates = try? chain.map({ try Certificate(derEncoded: $0) }), let last = certificates.last else { return false }
        let date = Date(timeIntervalSince1970: Double(now.ms) / 1000)
        let links = zip(certificates, certificates.dropFirst()).enumerated()
        guard certificates.allSatisfy({ Self.isValid($0, date) && Self.isUnderstood($0) }),
            links.allSatisfy({ Self.issued($1.1, $1.0, above: $0) })
        else { return false }
        return anchors.contains { anchor in
            Self.isValid(anchor, date) && (anchor == last || Self.issued(anchor, last, above: certificates.count - 1))
        }
    }

    /// - Parameter authorities: how many other ones stand between the issuer and the authenticator.
    private static func issued(_ issuer: Certificate, _ certificate: Certificate, above authorities: Int) -> Bool {
        mayIssue(issuer, above: authorities) && issuer.subject == certificate.issuer
            && issuer.publicKey.isValidSignature(certificate.signature, for: certificate)
    }

    private static func mayIssue(_ certificate: Certificate, above authorities: Int) -> Bool {
        do {
            guard case .isCertificateAuthority(let most)? = try certificate.extensions.basicConstraints, authorities <= most ?? .max
            else { return false }
            return try certificate.extensions.keyUsage?.keyCertSign ?? true
        } catch {
            return false
        }
    }

    private static func isValid(_ certificate: Certificate, _ date: Date) -> Bool {
        certificate.notValidBefore <= date && date <= certificate.notValidAfter
    }

    private static func isAuthority(_ certificate: Certificate) -> Bool {
        if case .isCertificateAuthority? = try? certificate.extensions.basicConstraints { true } else { false }
    }

    /// Basic constraints and key usage are the critical extensions that such certificates have.
    private static func isUnderstood(_ certificate: Certificate) -> Bool {
        certificate.extensions.allSatisfy {
            !$0.critical || [ASN1ObjectIdentifier.X509ExtensionID.basicConstraints, .X509ExtensionID.keyUsage].contains($0.oid)
        }
    }

    private static func value(_ type: ASN1ObjectIdentifier, _ name: DistinguishedName) -> String? {
        for attributes in name {
            for attribute in attributes where attribute.type == type { return String(attribute.value) }
        }
        return nil
    }

    private static func key(_ key: Certificate.PublicKey) -> SigningKey? {
        if let point = P256.Signing.PublicKey(key) { return .p256([UInt8](point.rawRepresentation)) }
        if let point = Curve25519.Signing.PublicKey(key) { return .ed25519([UInt8](point.rawRepresentation)) }
        return nil
    }

    /// The extension id-fido-gen-ce-aaguid: sixteen bytes within a byte string. It must not be critical.
    private static func kind(_ certificate: Certificate) throws -> (value: AAGUID?, Void) {
        guard let found = certificate.extensions[oid: [1, 3, 6, 1, 4, 1, 45724, 1, 1, 4]] else { return (nil, ()) }
        let bytes = try ASN1OctetString(derEncoded: found.value).bytes
        guard !found.critical, let kind = AAGUID(bytes: Array(bytes)) else { throw CocoaError(.coderInvalidValue) }
        return (kind, ())
    }
}
