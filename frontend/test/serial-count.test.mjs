import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countSerials } from '../js/serial-count.js'

test('nothing typed counts as none', () => {
  assert.equal(countSerials(''), 0)
  assert.equal(countSerials(' ,\n; '), 0)
})

test('commas, semicolons, quotation marks, blanks and line ends separate', () => {
  assert.equal(countSerials('A1,B2; C3\nD4\tE5 "F6"'), 6)
})

test('a range counts as its size, whatever joins its ends', () => {
  for (const range of ['A001–A500', 'A001—A500', 'A001-A500', 'A001 – A500', 'A001 - A500', 'A001…A500', 'A001..A500', '001 ... 500']) {
    assert.equal(countSerials(range), 500, range)
  }
})

test('ranges and single numbers add up', () => {
  assert.equal(countSerials('10059300, 10059310–10059319 10059400'), 12)
})

test('a hyphen inside of a serial number makes no range', () => {
  for (const serial of ['AQS-L8-0001', 'AB-12', '1001-1500', '502244-80404857']) {
    assert.equal(countSerials(serial), 1, serial)
  }
})

test('a range whose ends do not fit counts as nothing', () => {
  for (const range of ['A500–A001', 'A001–B500', 'A01–A500', 'A001–', 'A–B']) {
    assert.equal(countSerials(range), 0, range)
  }
})

test('numbers beyond the precision of floating point are counted exactly', () => {
  assert.equal(countSerials('90071992547409930001–90071992547409930003'), 3)
})
