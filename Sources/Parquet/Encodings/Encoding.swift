/// How a page's values are written (`Encoding`).
enum Encoding: Int32 {
    case plain = 0
    case plainDictionary = 2
    case runs = 3
    case bitPacked = 4
    case delta = 5
    case deltaLengths = 6
    case deltaTexts = 7
    case codes = 8
    case split = 9
}
