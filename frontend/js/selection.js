// Choosing rows of a list: the boxes [data-selection-box] belong to the form [data-selection] by its id. What is chosen is
// remembered while htmx replaces the list, also on other pages and under other filters, and goes along in hidden fields.
// Without script the boxes, the bar and its buttons work; here are the number, whole pages, ranges with shift, and memory.
import { announce } from './announce.js'
import { closestTo, onElements } from './dom.js'

const BOX = '[data-selection-box]'
const PAGE = '[data-selection-page]'
const chosen = new Set()
let anchor = null
let allOf = null // the filters, as in the address, while all that match are chosen

function findAll(selector) {
  return [...document.querySelectorAll(selector)]
}

function setBox(box, checked) {
  box.checked = checked
  if (checked) chosen.add(box.value)
  else chosen.delete(box.value)
}

function setBoxes(boxes, checked) {
  for (const box of boxes) setBox(box, checked)
}

function readFilters(form) {
  return form.querySelector('[data-selection-filters]').value
}

function describe(form, elsewhere) {
  const texts = form.querySelector('[data-selection-count]').dataset
  if (allOf !== null) return texts.all
  if (chosen.size > Number(form.dataset.limit)) return fill(texts.tooMany, elsewhere)
  return fill(elsewhere ? texts.elsewhere : texts.chosen, elsewhere)
}

function fill(text, elsewhere) {
  const write = (number) => number.toLocaleString(document.documentElement.lang)
  return text.replace('{n}', write(chosen.size)).replace('{m}', write(elsewhere))
}

function makeField(form, value) {
  const field = Object.assign(document.createElement('input'), { type: 'hidden', name: 'device', value })
  field.dataset.selectionElsewhere = ''
  form.append(field)
}

function carryElsewhere(form, boxes) {
  for (const field of form.querySelectorAll('[data-selection-elsewhere]')) field.remove()
  if (allOf !== null) return 0
  const here = new Set(boxes.map((box) => box.value))
  const others = [...chosen].filter((value) => !here.has(value))
  for (const value of others) makeField(form, value)
  return others.length
}

function showPages(boxes) {
  const count = boxes.filter((box) => box.checked).length
  for (const box of findAll(PAGE)) {
    box.checked = count === boxes.length
    box.indeterminate = count > 0 && count < boxes.length
  }
}

function showState(form) {
  const boxes = findAll(BOX)
  const elsewhere = carryElsewhere(form, boxes)
  const isTooMany = allOf === null && chosen.size > Number(form.dataset.limit)
  const count = form.querySelector('[data-selection-count]')
  showPages(boxes)
  count.hidden = false
  count.textContent = describe(form, elsewhere)
  form.toggleAttribute('data-active', allOf !== null || chosen.size > 0)
  for (const button of form.querySelectorAll('[data-selection-action]')) button.disabled = isTooMany
}

function tell(form) {
  showState(form)
  const count = form.querySelector('[data-selection-count]')
  announce(chosen.size > 0 || allOf !== null ? count.textContent : count.dataset.none)
}

function chooseAll(form, isAll) {
  allOf = isAll ? readFilters(form) : null
  chosen.clear()
  setBoxes(findAll(BOX), isAll)
}

// Of all that match, the rows of this page stay chosen.
function leaveAll(form) {
  if (allOf !== null) {
    chosen.clear()
    for (const box of findAll(BOX)) if (box.checked) chosen.add(box.value)
  }
  allOf = null
  const all = form.querySelector('[data-selection-all]')
  if (all) all.checked = false
}

function chooseRange(box) {
  const boxes = findAll(BOX)
  const ends = [boxes.findIndex((one) => one.value === anchor), boxes.indexOf(box)]
  if (ends.includes(-1)) return
  setBoxes(boxes.slice(Math.min(...ends), Math.max(...ends) + 1), box.checked)
}

// A click comes before the change that it makes known, and also from the space bar.
document.addEventListener('click', (event) => {
  const box = closestTo(event, BOX)
  if (!box) return
  if (event.shiftKey) chooseRange(box)
  anchor = box.value
})

document.addEventListener('change', (event) => {
  const form = document.querySelector('[data-selection]')
  if (!form || !event.target.matches(`${BOX}, ${PAGE}, [data-selection-all]`)) return
  const { target } = event
  if (target.matches('[data-selection-all]')) chooseAll(form, target.checked)
  else leaveAll(form)
  if (target.matches(BOX)) setBox(target, target.checked)
  if (target.matches(PAGE)) setBoxes(findAll(BOX), target.checked)
  tell(form)
})

document.addEventListener('reset', (event) => {
  if (!event.target.matches('[data-selection]')) return
  event.preventDefault()
  chooseAll(event.target, false)
  leaveAll(event.target)
  tell(event.target)
  findAll(PAGE)
    .find((box) => box.getClientRects().length > 0)
    ?.focus()
})

function setUp(form) {
  const all = form.querySelector('[data-selection-all]')
  // Other filters match others: that all are chosen does not carry over.
  const isSame = allOf === readFilters(form)
  for (const box of findAll(BOX)) {
    if (box.checked || isSame || chosen.has(box.value)) setBox(box, true)
  }
  if (all && isSame) all.checked = true
  else leaveAll(form)
  showState(form)
}

onElements('[data-selection]', setUp)

// Back from the browser's page cache, or reloaded: boxes can be checked that no click has checked.
window.addEventListener('pageshow', () => {
  const form = document.querySelector('[data-selection]')
  if (form) setUp(form)
})
