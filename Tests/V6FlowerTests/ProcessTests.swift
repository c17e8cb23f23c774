import Foundation
import Testing
import Wire

@testable import V6Flower
@testable import Vantage6

@Suite("Processes that this one starts, and what they say")
struct ProcessTests {
    /// What a shell script prints, and how it ends; started by a thread that blocks every signal, as those of Dispatch
    /// do.
    private static func run(_ script: String) async throws -> (printed: String, ending: ChildProcess.Ending) {
        let pipe = try ProcessPipe()
        let process = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<ChildProcess, any Error>) in
            Thread.detachNewThread {
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                continuation.resume(
                    with: Result {
                        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
                        defer { close(nothing) }
                        return try ChildProcess(
                            "/bin/sh", ["-c", script], environment: ["PATH": "/usr/bin:/bin", "A": "b c"],
                            directory: "/usr",
                            standard: (nothing, pipe.writing.number, nothing))
                    })
            }
        }
        let ending = await process.ending()
        pipe.writing.close()
        return (try all(of: pipe.reading), ending)
    }

    private static func all(of end: ProcessPipe.End) throws -> String {
        var text = ""
        try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while case let count = try end.read(buffer), count > 0 {
                text += String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
            }
        }
        return text
    }

    @Test(
        "A child has its environment and folder, no signal blocked or ignored, no descriptor of ours and a group of its own"
    )
    func clean() async throws {
        let kept = open("/dev/null", O_RDONLY)
        defer { close(kept) }
        signal(SIGPIPE, SIG_IGN)
        // The last seven digits: the C library keeps the signals from 32 on to itself. No pipe of the shell's own: it
        // would be among its descriptors.
        let script =
            "echo $A; pwd; sed -nE 's/^(Sig(Blk|Ign)).*(.{7})$/\\1 \\3/p' /proc/self/status; ls /proc/$$/fd; "
            + "[ $(ps -o pgid= -p $$) = $$ ] && echo own"
        let (printed, ending) = try await Self.run(script)
        #expect(printed == "b c\n/usr\nSigBlk 0000000\nSigIgn 0000000\n0\n1\n2\nown\n")
        #expect(ending == .exited(0))
    }

    @Test("How a child ended is told, and one that cannot be started is an error")
    func endings() async throws {
        #expect(try await Self.run("exit 3").ending == .exited(3))
        #expect(try await Self.run("kill -SEGV $$").ending == .killed(signal: SIGSEGV))
        #expect(throws: ChildProcess.NotStarted.self) {
            try ChildProcess("/no/such/program", [], environment: [:], directory: "/", standard: (0, 1, 2))
        }
    }

    @Test("What a child has started goes with it, and holds no pipe open")
    func group() async throws {
        // Without the end of the group the pipe would not end either.
        let (printed, ending) = try await Self.run("sleep 1000 & echo started")
        #expect(printed == "started\n")
        #expect(ending == .exited(0))
    }

    @Test("A child that does not listen to SIGTERM is killed")
    func stubborn() async throws {
        let pipe = try ProcessPipe()
        let process = try ChildProcess(
            "/bin/sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"],
            environment: ["PATH": "/usr/bin:/bin"],
            directory: "/",
            standard: (pipe.writing.number, pipe.writing.number, pipe.writing.number))
        try withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { _ = try pipe.reading.read($0) }
        await process.end(within: 0.05)
        #expect(await process.ending() == .killed(signal: SIGKILL))
    }

    @Test(
        "A log has a line for each line and each state of a progress bar, no control characters and no line without end"
    )
    func logLines() {
        var found: [String] = []
        var lines = LogLines { found.append($0) }
        let long = String(repeating: "x", count: 100_000)
        for text in ["one\n\ntwo", " words\r\n10 %\r20 %\r", "\u{1B}[31mred\u{07}\n", long, long, "\nlast"] {
            Array(text.utf8).withUnsafeBytes { lines.add($0) }
        }
        lines.finish()
        #expect(found.map(\.count).max() == LogLines.limit)
        #expect(found.filter { $0.count < 100 } == ["one", "", "two words", "", "10 %", "20 %", "red ", "last"])
        #expect(found.count == 9)
    }

    @Test("A frame that says it is longer than it may be is refused before a byte of it is read")
    func frames() throws {
        let head = Data(#"{"blobs":{"a":[0,1000001]}}     "#.utf8)
        var bytes = Frame.magic + withUnsafeBytes(of: UInt64(head.count).littleEndian) { Data($0) } + head
        #expect(throws: Payload.Malformed.self) {
            try Frame(
                from: { buffer in
                    let count = min(buffer.count, bytes.count)
                    _ = bytes.prefix(count).copyBytes(to: buffer)
                    bytes.removeFirst(count)
                    return count
                }, folder: "/tmp", limit: 1_000_000)
        }
    }
}

@Suite("What an app may be asked for, and finds")
struct AppArgumentTests {
    @Test("Limits in megabytes have upper bounds", arguments: ["max_files_mb", "max_journal_mb"])
    func bounds(name: String) throws {
        for value in [1e14, 1e300, -1] {
            #expect(throws: InvalidArguments.self) { try AppArguments([name: .double(value)], .python([:])) }
        }
        #expect(try AppArguments(["max_files_mb": 2000], .python([:])).maximumFileBytes == 2_000_000_000)
        #expect(try AppArguments(["max_journal_mb": 1_000_000], .swift([])).maximumReplyBytes == 1_000_000_000_000)
    }

    @Test("Where an app has names of ours, ours give way until there is no second of the name")
    func names() throws {
        let definitions = AppArguments.Definitions.python(["seed": .int(1), "v6_seed": .int(2)])
        let names = definitions.all.map(\.name)
        #expect(names.contains("v6_v6_seed"))
        #expect(Set(names).count == names.count)
        #expect(try AppArguments(["v6_v6_seed": 7, "seed": 8], definitions).seed == 7)
    }

    @Test(
        "An app's environment has what the administrator gives to algorithms, without the task's files, addresses and rules"
    )
    func environment() {
        let own = [
            "TOKEN_FILE": "t", "HOST": "h", "TEMPORARY_FOLDER": "f", "V6_FLOWER_MIN_ROWS": "3",
            "DB_LABELS": "default,other",
            "USER_REQUESTED_DATABASE_LABELS": "default", "DEFAULT_DATABASE_URI": "u",
            "OTHER_DATABASE_URI": "postgresql://u:p@h/d",
            "OTHER_DB_PARAM_PASSWORD": "p", "MODEL_DATABASE_URI": "own", "CUDA_VISIBLE_DEVICES": "0",
        ]
        let environment = FlowerApp.environment(
            own.filter { !Version4.isOfTheTask($0.key, own) }, work: "/w")
        #expect(environment["MODEL_DATABASE_URI"] == "own" && environment["CUDA_VISIBLE_DEVICES"] == "0")
        #expect(Set(own.keys).intersection(environment.keys) == ["MODEL_DATABASE_URI", "CUDA_VISIBLE_DEVICES"])
    }
}
