import Foundation
import Testing

@testable import V6Flower
@testable import Vantage6

@Suite("Methods and actions")
struct MethodTests {
    private static func task(_ method: String, _ action: Action?) -> ContainerTask {
        ContainerTask(
            method: method, action: action, arguments: [:], organizationID: 1, collaborationID: 1, studyID: nil,
            taskID: 1, image: "i", proxy: nil)
    }

    @Test(
        "Each method has its action; in version 4, which has none, there are central and partial",
        arguments: Method.allCases)
    func own(_ method: Method) throws {
        #expect(try Method(of: Self.task(method.rawValue, method.action)) == method)
        if [.central, .partial].contains(method) {
            #expect(try Method(of: Self.task(method.rawValue, nil)) == method)
        } else {
            let error = #expect(throws: ContainerError.self) { try Method(of: Self.task(method.rawValue, nil)) }
            #expect(error?.description.contains("has no sessions") ?? false)
        }
    }

    @Test("By another action a method is refused, and told its own")
    func wrong() {
        for method in Method.allCases {
            #expect(
                throws: ContainerError.wrongAction(
                    method: method.rawValue, action: "postprocessing", right: method.action.rawValue)
            ) { try Method(of: Self.task(method.rawValue, .postprocessing)) }
        }
        #expect(throws: ContainerError.self) { try Method(of: Self.task("train", nil)) }
    }
}
