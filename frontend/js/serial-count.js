// How many serial numbers a text names. It reads as meterkeys.formats.serial_list does, which decides in the end:
// commas, semicolons, quotation marks, blanks and line ends separate; dashes, ellipses and dots join the ends of a range;
// a hyphen does so only between blanks, or between two numbers of the same length and text.
const PIECES = /[,;"\n\r]/
const WORDS = /[–—…]|\.{2,}|(?:(?!\.\.)[^\s–—…])+/g
const JOINER = /^(?:[–—…-]|\.{2,})$/

function splitNumber(serial) {
  const [digits] = /\d*$/.exec(serial)
  return { head: serial.slice(0, serial.length - digits.length), digits }
}

function sizeOfRange(first, last) {
  const low = splitNumber(first)
  const high = splitNumber(last)
  if (low.head !== high.head || !low.digits || low.digits.length !== high.digits.length) return 0
  return Math.max(Number(BigInt(high.digits) - BigInt(low.digits)) + 1, 0)
}

function countWord(word) {
  const hyphen = word.indexOf('-')
  if (hyphen < 0 || !splitNumber(word.slice(0, hyphen)).head) return 1
  return sizeOfRange(word.slice(0, hyphen), word.slice(hyphen + 1)) || 1
}

function countPiece(words) {
  let sum = 0
  for (let at = 0; at < words.length; at += 1) {
    const [first, joiner = '', last = ''] = words.slice(at, at + 3)
    if (JOINER.test(first)) continue
    if (JOINER.test(joiner)) {
      sum += sizeOfRange(first, last)
      at += 2
    } else {
      sum += countWord(first)
    }
  }
  return sum
}

export function countSerials(text) {
  return text.split(PIECES).reduce((sum, piece) => sum + countPiece(piece.match(WORDS) ?? []), 0)
}
