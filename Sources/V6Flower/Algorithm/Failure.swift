import Flower
import Foundation
import Journal
import LocalData
import LocalModels
import Vantage6
import Wire

/// A run that could not be done: one sentence for whoever reads the log, and the exit code (of `sysexits.h`).
public struct Failure: Error, CustomStringConvertible {
    /// The sentence.
    public let sentence: String
    /// The exit code, never 0.
    public let exitCode: Int32
    /// The sentence for whoever reads the log.
    public var description: String { sentence }

    /// A failure of one's own.
    public init(_ sentence: String, exitCode: Int32) {
        self.sentence = sentence
        self.exitCode = exitCode
    }

    /// The failure behind any error.
    package init(_ error: any Error) {
        self.init("\(error)", exitCode: Self.exitCode(of: error))
    }

    private static func exitCode(of error: any Error) -> Int32 {
        switch error {
        case let failure as Failure: failure.exitCode
        case is InvalidArguments: EX_USAGE
        case ContainerError.missingVariable, ContainerError.badVariable, ContainerError.badToken,
            ContainerError.noProxy:
            EX_CONFIG
        case ContainerError.unreadable: EX_NOINPUT
        case ContainerError.unusableFolder: EX_CANTCREAT
        case ContainerError.unwritable, is FileBytes.FileError, JournalError.diskFull, JournalError.notWritable:
            EX_IOERR
        case is ContainerError, is DataError, is ModelError, is JournalError: EX_DATAERR
        case is ProxyError, is InconsistentMessageReplies, is AggregationError: EX_UNAVAILABLE
        case is Privileges.NotDropped, is NodeSettings.Refusal: EX_NOPERM
        default: EX_SOFTWARE
        }
    }
}

// Of <sysexits.h>, which Swift does not import.
private let EX_USAGE: Int32 = 64
private let EX_DATAERR: Int32 = 65
private let EX_NOINPUT: Int32 = 66
private let EX_UNAVAILABLE: Int32 = 69
private let EX_SOFTWARE: Int32 = 70
private let EX_CANTCREAT: Int32 = 73
private let EX_IOERR: Int32 = 74
private let EX_NOPERM: Int32 = 77
private let EX_CONFIG: Int32 = 78
