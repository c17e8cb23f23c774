import Foundation
import Wire

extension Target {
    /// JSON: what parses is written and parses to the same value, from memory and from a file, within the limits.
    static let json = Target(name: "json") { data in
        let json = try JSON(parsing: data)
        for pretty in [false, true] {
            let text = json.serialized(pretty: pretty)
            require(text.allSatisfy { $0 < 0x80 }, "what is written is ASCII")
            let back = again("what is written parses") { try JSON(parsing: text) }
            require(back == json, "it parses to the same value")
            require(back.serialized(pretty: pretty) == text, "and is written as before")
        }
        let fromFile = try withFile(data) { file in again("a file parses as memory does") { try JSON(parsing: file) } }
        require(fromFile == json, "to the same value")
        var limits = PayloadLimits()
        limits.values = 20
        limits.depth = 4
        let small = try? JSON(parsing: data, limits: limits)
        let (values, depth) = measure(json)
        require((small != nil) == (values <= limits.values && depth <= limits.depth), "limits hold, and no other")
    } seeds: {
        [
            "order": Data(#"{"z":1,"a":1.0,"m":[true,null,-2e-7,"x"],"big":18446744073709551616}"#.utf8),
            "escapes": Data(#"["\u00e9\n\"\\\/","\ud83d\ude00","é",""]"#.utf8),
            "half": Data(#"["\ud800"]"#.utf8), "infinite": Data("[1e400,-0.0,1E+2]".utf8),
            "deep": Data((String(repeating: "[", count: 300) + "0").utf8),
            "wide": Data(("[" + String(repeating: "0,", count: 300) + "0]").utf8),
            "long": Data(("{\"b\":\"" + String(repeating: "QUJD", count: 300) + "\"}").utf8),
            "twice": Data(#"{"a":1,"a":2}"#.utf8),
        ]
    }

    private static func measure(_ json: JSON) -> (values: Int, depth: Int) {
        let parts = json.elements ?? json.members?.values.map { $0 } ?? []
        let inner = parts.map(measure)
        let own = json.elements != nil || json.members != nil ? 1 : 0
        return (1 + inner.reduce(0) { $0 + $1.values }, own + (inner.map(\.depth).max() ?? 0))
    }

    /// Base64: a text that decodes is the only one that does so to its bytes, in whatever pieces it comes.
    static let base64 = Target(name: "base64") { data in
        let encoded = Base64.encode(data)
        require(Data(encoded.utf8) == data.base64EncodedData(), "it encodes as Foundation does")
        require(again("what is encoded decodes") { try Base64.decode(encoded) } == data, "to the same bytes")
        let size = Int(data.first ?? 0) % 9 + 1
        let whole = try? Base64.decode(data)
        var pieces: Data? = Data()
        do {
            var decoder = Base64.Decoder()
            for start in stride(from: 0, to: data.count, by: size) {
                try data[(data.startIndex + start)..<min(data.startIndex + start + size, data.endIndex)].withUnsafeBytes
                {
                    try decoder.update($0) { pieces?.append(contentsOf: $0) }
                }
            }
            try decoder.finish()
        } catch {
            pieces = nil
        }
        require(whole == pieces, "pieces decode as the whole does")
        if let whole { require(Data(Base64.encode(whole).utf8) == data, "only one text decodes to these bytes") }
    } seeds: {
        [
            "whole": Data("QUJDREVGRw==".utf8), "one": Data("QQ==".utf8), "bits": Data("AB==".utf8),
            "within": Data("AA==AAAA".utf8),
            "url": Data("AA-_".utf8), "empty": Data(), "long": Data(String(repeating: "abcd", count: 200).utf8),
        ]
    }

    /// Zstandard: no more comes out than allowed, and what comes out goes in again.
    static let zstandard = Target(name: "zstandard") { data in
        let frame = again("bytes compress") { try Zstandard.compress(ByteSegments([data])) }
        require(
            again("what is compressed inflates") { try inflate(frame, limit: data.count) } == data, "to the same bytes")
        let limit = 1 << 16
        var written = 0
        defer { require(written <= limit, "no more is written than allowed") }
        try Zstandard.decompress(data, limit: limit) { written += $0.count }
        let plain = again("it inflates again") { try inflate(data, limit: written) }
        require(plain.count == written, "to as much")
        require((try? inflate(data, limit: written - 1)) == nil, "and not to less")
    } seeds: {
        let text = Data((0..<5000).map { UInt8($0 % 251) })
        let frame = try Zstandard.compress(ByteSegments([text]))
        return [
            "text": frame, "empty": try Zstandard.compress(ByteSegments([])), "cut": frame.prefix(frame.count / 2),
            "more": frame + Data([1]), "bomb": try Zstandard.compress(ByteSegments([Data(count: 1 << 20)])),
            "window": Data([0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xF8, 0x01, 0x00, 0x00]),
        ]
    }

    private static func inflate(_ frame: Data, limit: Int) throws -> Data {
        var plain = Data()
        try Zstandard.decompress(frame, limit: limit) { plain.append(contentsOf: $0) }
        return plain
    }
}
