extension Duration {
    /// A number of seconds from outside as a time that can be counted with: nothing below zero, a century at most.
    package init(boundedSeconds seconds: Double) {
        self = seconds > 0 ? .seconds(min(seconds, 3.2e9)) : .zero
    }
}
