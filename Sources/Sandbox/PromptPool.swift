import FlyingFox
import FlyingSocks
import Foundation

/// FlyingFox's pool of sockets, with `TCP_NODELAY` on each.
///
/// FlyingFox writes header and body apart; without the option the body of each small answer waits 40 ms for the peer's
/// delayed acknowledgement, which no real proxy makes a container wait for. Connections inherit it from the listening
/// socket.
struct PromptPool: AsyncSocketPool {
    private let pool: any AsyncSocketPool = HTTPServer.defaultPool()

    func prepare() async throws { try await pool.prepare() }

    func run() async throws { try await pool.run() }

    func suspendSocket(_ socket: Socket, untilReadyFor events: Socket.Events) async throws {
        try socket.setValue(true, for: BoolSocketOption(level: Int32(IPPROTO_TCP), name: TCP_NODELAY))
        try await pool.suspendSocket(socket, untilReadyFor: events)
    }
}
