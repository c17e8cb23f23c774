import Foundation
import Wire

// A server with a `large_result_store` keeps inputs and results there, and in its database the UUIDs of both.
//
// Source: `vantage6/server/resource/blobstream.py`, `vantage6/node/proxy_server.py` and
// `vantage6/common/client/blob_storage.py`, observed on 4.15.2.
extension ProxyClient {
    /// How inputs and results travel here. Throws ``ProxyError``.
    package func carriage() async throws -> Carriage {
        let isEncrypted = try await isEncrypted()
        guard try await hasStore() else { return .cells(isEncrypted: isEncrypted) }
        guard dialect.hasUsableStore else { throw ProxyError.unusableStore }
        return .store(isEncrypted: isEncrypted)
    }

    /// Nothing is assumed of a server that does not say so: where it has a store, its nodes' proxies send what goes
    /// into a cell as it is, encrypted by nobody.
    private func hasStore() async throws -> Bool {
        let what = "say whether it has a large result store"
        let answer: JSON
        do {
            answer = try await get("blobstream/status", what: what).json
        } catch let error as ProxyError {
            guard case .refused = error, try await isOlderThanStores() else { throw error }
            return false
        }
        guard let isEnabled = answer["blob_store_enabled"]?.bool else {
            throw ProxyError.malformed(what: what, problem: "it does not say so")
        }
        return isEnabled
    }

    /// Whether the server is of a version before 4.13, which does not know the question.
    private func isOlderThanStores() async throws -> Bool {
        let version = try await get("version", what: "read the server's version").json["version"]?.string ?? ""
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) < (4, 13)
    }

    /// Puts each organization's input into the store, and gives what stands for it in a task. An upload whose answer
    /// was lost is repeated: what nobody names costs the store its place and nothing else.
    ///
    /// Organizations do not share one, whatever they are sent: a server deletes the blob with each of the runs that
    /// name it, and fails at the second. Source: `delete_blob_after_run_delete` in `azure_storage_service.py`.
    func stored(
        _ inputs: OrderedDictionary<Int64, ByteSegments>, _ isEncrypted: Bool
    ) async throws -> OrderedDictionary<Int64, ByteSegments> {
        var names: OrderedDictionary<Int64, ByteSegments> = [:]
        for (organization, input) in inputs {
            // The proxy wants a key even where it encrypts nothing.
            let key = isEncrypted ? try await publicKey(of: organization) : "none"
            let what = "store the input of organization \(organization)"
            var request = request("blobstream", posting: .stream(input, publicKey: key))
            request.limits.leastRate = HTTPRequest.Limits.toServer
            let answer = try await Self.parse(exchange(request, what: what).body, what: what)
            guard let name = answer["uuid"].flatMap(Self.blobName) else {
                throw ProxyError.malformed(what: what, problem: "it names no UUID")
            }
            names[organization] = ByteSegments([Data(name.utf8)])
        }
        return names
    }

    private func publicKey(of organization: Int64) async throws -> String {
        let what = "read organization \(organization)"
        let key = try await get("organization/\(organization)", what: what).json["public_key"]?.string ?? ""
        guard !key.isEmpty else { throw ProxyError.noPublicKey(organization: organization) }
        // It becomes a header: nothing in it may end one.
        guard key.utf8.count <= 8000, key.utf8.allSatisfy(Base64.isCharacter) else {
            throw ProxyError.malformed(what: what, problem: "its public key is not base64")
        }
        return key
    }

    /// The bytes of a run's result in the store. A failure is one of this result alone: the server answers others.
    /// Throws what is nobody's alone: an outage that lasts, `CancellationError`.
    func blob(_ name: JSON, ofRun run: Int64, _ fetching: Fetching) async throws -> Result<FileBytes, any Error> {
        let what = "fetch the result of run \(run)"
        guard let name = Self.blobName(name) else {
            return .failure(ProxyError.malformed(what: what, problem: "what stands for it is no UUID"))
        }
        var request = request("blobstream/\(name)")
        request.spoolFolder = fetching.folder
        request.limits.answer = fetching.blobLimit
        request.limits.leastRate = HTTPRequest.Limits.toServer
        do {
            guard let file = try await exchange(request, what: what).file else {
                throw ProxyError.malformed(what: what, problem: "there is no answer")
            }
            return .success(file)
        } catch let error as FileBytes.FileError {
            return .failure(error)
        } catch let error as ProxyError {
            guard try await isServerUp() else { throw error }
            return .failure(error)
        }
    }

    /// A UUID in the one form that servers write, which is safe in an address.
    private static func blobName(_ json: JSON) -> String? {
        guard json.utf8?.byteCount == 36, let text = json.string else { return nil }
        return UUID(uuidString: text) == nil ? nil : text
    }
}
