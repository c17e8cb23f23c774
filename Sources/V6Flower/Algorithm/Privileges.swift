import Foundation
import _ProcessShims

/// Gives up root for good, before the process reads a row of data.
///
/// A node starts containers as root and owns the output file and its folder as root, so an image with a `USER` line
/// could not write its result. The process opens what it must and then becomes nobody in particular.
enum Privileges {
    /// The user and group the process becomes: `nonroot` of the distroless images.
    static let userID: uid_t = 65532

    /// The rights could not be given up; the process must not go on.
    struct NotDropped: Error, CustomStringConvertible {
        let step: String
        let code: Int32
        var description: String {
            "cannot give up root (\(step)): \(String(cString: strerror(code))); refusing to read data as root"
        }
    }

    /// Hands an open folder to the later user, and to no other.
    static func handOver(_ folder: Int32) throws {
        guard geteuid() == 0 else { return }
        guard fchown(folder, userID, userID) == 0 else { throw NotDropped(step: "chown", code: errno) }
        guard fchmod(folder, 0o700) == 0 else { throw NotDropped(step: "chmod", code: errno) }
    }

    /// Makes sure that no program the process starts can gain rights. It holds for the calling thread and those it
    /// starts from now on.
    static func forbidGains() { _ = v6_no_new_privileges() }

    /// Becomes the later user where the process is root; nothing can take it back.
    static func drop() throws {
        guard geteuid() == 0 || getuid() == 0 else { return }
        guard setgroups(0, nil) == 0 else { throw NotDropped(step: "setgroups", code: errno) }
        guard v6_set_group(userID) == 0 else { throw NotDropped(step: "setgid", code: errno) }
        guard v6_set_user(userID) == 0 else { throw NotDropped(step: "setuid", code: errno) }
        guard setuid(0) != 0, geteuid() == userID else { throw NotDropped(step: "check", code: EPERM) }
    }
}
