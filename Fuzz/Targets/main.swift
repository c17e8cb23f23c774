import CFuzzer
import Foundation

// One program for all targets: FUZZ_TARGET names the one to run, `seeds FOLDER` writes each target's first inputs.
// scripts/fuzz calls it.

let targets: [Target] = [
    .json, .base64, .safetensors, .update, .frame, .zstandard, .records, .replies, .input, .token, .csv, .journal,
    .parquet, .trees,
]

if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "seeds" {
    for target in targets {
        let folder = "\(CommandLine.arguments[2])/\(target.name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, data) in try target.seeds() { try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
    }
    exit(0)
}

let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
guard let target = targets.first(where: { $0.name == name }) else {
    print(targets.map(\.name).joined(separator: "\n"))
    exit(name.isEmpty ? 0 : 64)
}
Target.current = target
var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&count, &arguments, LLVMFuzzerTestOneInput))
