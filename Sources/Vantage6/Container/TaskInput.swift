import Foundation
import Wire

/// The input of version 4: a method and its arguments by name.
package struct TaskInput: Sendable {
    package let method: String
    package let kwargs: OrderedDictionary<String, JSON>

    /// Parses an input file's bytes, `{"method": …, "args": […], "kwargs": {…}}`. Throws ``ContainerError``.
    package init(_ bytes: some SliceableBytes) throws(ContainerError) { try self.init(JSON(input: bytes)) }

    /// Takes the object that an input is. Throws ``ContainerError``.
    init(_ json: JSON) throws(ContainerError) {
        guard json.members != nil else { throw .badInput(problem: "it is \(json.kind), not an object") }
        guard let method = json["method"]?.string else { throw .badInput(problem: "it names no method") }
        if let args = json["args"], !(args.elements?.isEmpty ?? args.isNull) {
            throw .badInput(problem: "it has positional arguments; give every argument by its name, in kwargs")
        }
        let kwargs = json["kwargs"] ?? [:]
        guard let members = kwargs.isNull ? [:] : kwargs.members else {
            throw .badInput(problem: "its kwargs are \(kwargs.kind), not an object")
        }
        self.method = method
        self.kwargs = members
    }
}

extension JSON {
    /// Parses the bytes of an input, in which its long strings stay. Throws ``ContainerError``.
    init(input bytes: some SliceableBytes) throws(ContainerError) {
        guard bytes.byteCount > 0 else { throw .badInput(problem: "it is empty") }
        do {
            self = try JSON(parsing: bytes)
        } catch {
            let isEncrypted = (try? bytes.withBytes { EncryptedPayload.isLikely($0) }) ?? false
            throw isEncrypted ? .inputStillEncrypted : .badInput(problem: "\(error)")
        }
    }
}

/// What a payload looks like that a proxy or node handed over without decrypting it.
package enum EncryptedPayload {
    /// `<key>$<iv>$<message>`, each in base64: vantage6's form (`vantage6/common/encryption.py`), or base64 of it. What
    /// comes from a large result store has its message as bytes.
    package static func isLikely(_ data: some Collection<UInt8>) -> Bool {
        let parts = data.split(separator: UInt8(ascii: "$"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts.dropLast().allSatisfy({ !$0.isEmpty && $0.prefix(4096).allSatisfy(isBase64) })
        else { return false }
        // Sixteen bytes in base64.
        let isVector = parts[0].count >= 256 && parts[1].count == 24
        return isVector || !parts[2].isEmpty && parts[2].prefix(4096).allSatisfy(isBase64)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "\n"):
            true
        default: false
        }
    }
}
