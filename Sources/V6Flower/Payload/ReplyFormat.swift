import Flower
import OrderedCollections
import Wire

/// How arrays travel: central decides it and tells the partials.
package struct ReplyFormat: Sendable, Equatable {
    /// Replies are bytes and not JSON, which spares them the base64 within base64. Encrypted collaborations carry only
    /// JSON.
    var isRaw = false
    /// How coarsely updates are sent.
    var quantization = Quantization.none
    /// Whether arrays are compressed, on both ways.
    var isCompressed = false
    /// What int8's rounding derives from.
    var seed: Int64 = 0
    /// So many bytes more than were sent a reply's arrays may hold, where the model grows. Central's own: partials are
    /// not told.
    var growth = 0

    /// The format as an argument of `partial`.
    var json: JSON {
        [
            "raw": .bool(isRaw), "quantization": .string(quantization.rawValue), "zstd": .bool(isCompressed),
            "seed": .int(seed),
        ]
    }

    package init(
        isRaw: Bool = false, quantization: Quantization = .none, isCompressed: Bool = false, seed: Int64 = 0,
        growth: Int = 0
    ) {
        self.isRaw = isRaw
        self.quantization = quantization
        self.isCompressed = isCompressed
        self.seed = seed
        self.growth = growth
    }

    /// Reads what central asked for; JSON with plain arrays where it says nothing. Throws ``Payload/Malformed``.
    init(_ json: JSON?) throws(Payload.Malformed) {
        guard let json, !json.isNull, json.members?.isEmpty != true else {
            self.init()
            return
        }
        guard let isRaw = json["raw"]?.bool, let isCompressed = json["zstd"]?.bool, let seed = json["seed"]?.int,
            let quantization = json["quantization"]?.string.flatMap(Quantization.init(rawValue:))
        else { throw Payload.Malformed(problem: "it asks for replies in a form that this version does not know") }
        self.init(isRaw: isRaw, quantization: quantization, isCompressed: isCompressed, seed: seed)
    }
}
