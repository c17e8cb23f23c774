import Foundation

/// How a file writes letters beyond ASCII.
///
/// Only words are decoded; separators, line ends and numbers are bytes that all of these share. So the rows' order,
/// which is one of their bytes, is the same whatever encoding somebody asks for.
public enum TextEncoding: String, Sendable, CaseIterable {
    /// UTF-8; UTF-16 where a byte order mark says so.
    case utf8 = "utf-8"
    /// ISO 8859-1.
    case latin1 = "latin-1"
    /// Latin-1 with the letters that Windows puts at 0x80 to 0x9F.
    case windows1252 = "windows-1252"

    /// The text that bytes stand for; nil where they stand for none.
    ///
    /// What is UTF-8 is taken for that whatever somebody says, since not all organizations' files are alike: words that
    /// mean something in another encoding are none by chance.
    func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return switch self {
        case .utf8: nil
        case .latin1: String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        case .windows1252: windows(bytes)
        }
    }

    private func windows(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        var text = String.UnicodeScalarView()
        for byte in bytes {
            guard (0x80...0x9F).contains(byte) else {
                text.append(Unicode.Scalar(byte))
                continue
            }
            guard let scalar = Unicode.Scalar(Self.windows[Int(byte) - 0x80]), scalar.value > 0 else { return nil }
            text.append(scalar)
        }
        return String(text)
    }

    /// Source: the Unicode Consortium's table CP1252.TXT; 0 where there is no letter.
    private static let windows: [UInt32] = [
        0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017D, 0,
        0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E,
        0x0178,
    ]
}
