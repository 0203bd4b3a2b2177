// A facet: <details data-facet> with a search field over check boxes. The form around it sends itself when a box changes
// (hx-trigger="change"); here is what <details> does not do by itself. Options come by htmx when the facet opens.
import htmx from 'htmx.org/dist/htmx.esm.js'
import { closestTo } from './dom.js'

const FACET = '[data-facet]'

function findSummary(facet) {
  return facet.querySelector('summary')
}

function closeFacet(facet, { focus = false } = {}) {
  facet.open = false
  if (focus) findSummary(facet).focus()
}

function closeOthers(facet) {
  for (const other of document.querySelectorAll(`${FACET}[open]`)) if (other !== facet) closeFacet(other)
}

function placePanel(facet) {
  facet.classList.remove('facet--end')
  const { right } = facet.querySelector('.facet__panel').getBoundingClientRect()
  facet.classList.toggle('facet--end', right > document.documentElement.clientWidth)
}

function readLabel(box) {
  return box.closest('label').querySelector('[data-label]').textContent.trim()
}

function showSelection(facet) {
  const place = facet.querySelector('[data-facet-value]')
  if (!place) return
  const labels = [...facet.querySelectorAll('[data-facet-options] input:checked')].map(readLabel)
  const mark = facet.querySelector('[data-facet-leave-out]:checked') ? '≠ ' : ''
  facet.classList.toggle('facet--active', labels.length > 0)
  if (labels.length === 0) place.textContent = place.dataset.all
  else place.textContent = mark + (labels.length === 1 ? labels[0] : `${labels[0]} +${labels.length - 1}`)
}

document.addEventListener(
  'toggle',
  (event) => {
    const facet = event.target
    if (!facet.matches?.(FACET) || !facet.open) return
    closeOthers(facet)
    placePanel(facet)
    const search = facet.querySelector('[data-facet-search]')
    if (!search) return
    search.focus({ preventScroll: true })
    htmx.trigger(search, 'facet:open')
  },
  { capture: true },
)

document.addEventListener('keydown', (event) => {
  const facet = closestTo(event, `${FACET}[open]`)
  if (!facet) return
  if (event.key === 'Escape') {
    event.preventDefault()
    closeFacet(facet, { focus: true })
  }
  // Enter in the search field would send the form around it.
  if (event.key === 'Enter' && event.target.matches('[data-facet-search]')) event.preventDefault()
})

document.addEventListener('click', (event) => {
  const button = closestTo(event, '[data-facet-close]')
  if (button) closeFacet(button.closest(FACET), { focus: true })
  for (const facet of document.querySelectorAll(`${FACET}[open]`)) {
    if (!event.composedPath().includes(facet)) closeFacet(facet, { focus: facet.contains(document.activeElement) })
  }
})

document.addEventListener('focusout', (event) => {
  const facet = closestTo(event, `${FACET}[open]`)
  if (facet && event.relatedTarget && !facet.contains(event.relatedTarget)) closeFacet(facet)
})

// What is typed into the search field is no change of the filter.
for (const name of ['change', 'search']) {
  document.addEventListener(
    name,
    (event) => {
      if (closestTo(event, '[data-facet-search]')) event.stopPropagation()
    },
    { capture: true },
  )
}

document.addEventListener('change', (event) => {
  const facet = closestTo(event, FACET)
  if (facet) showSelection(facet)
})

// New options keep what was checked, also what was checked while they were on their way.
const chosen = new WeakMap()

function readChosen(list) {
  const boxes = [...list.querySelectorAll('input[type=checkbox]:checked')]
  return new Map(boxes.map((box) => [box.value, box.closest('label')]))
}

document.addEventListener('htmx:beforeSwap', (event) => {
  const list = event.detail.target
  if (list.matches('[data-facet-options]')) chosen.set(list, readChosen(list))
})

document.addEventListener('htmx:afterSwap', (event) => {
  const list = event.detail.target
  const kept = chosen.get(list)
  if (!kept) return
  chosen.delete(list)
  for (const box of list.querySelectorAll('input[type=checkbox]')) {
    box.checked = kept.has(box.value)
    kept.delete(box.value)
  }
  list.prepend(...kept.values())
  showSelection(list.closest(FACET))
})

// A chip above the list takes one value back: it unchecks the box, and the form does the rest.
document.addEventListener('click', (event) => {
  const chip = closestTo(event, '[data-facet-remove]')
  if (!chip) return
  const { facetRemove: name, value } = chip.dataset
  const boxes = document.querySelectorAll(`${FACET} input[type=checkbox]`)
  const box = [...boxes].find((candidate) => candidate.name === name && candidate.value === value)
  if (!box) return
  event.preventDefault()
  box.checked = false
  box.dispatchEvent(new Event('change', { bubbles: true }))
})

// Other text is looked for in all ways again.
document.addEventListener('input', (event) => {
  const way = document.getElementById(event.target.dataset?.resets)
  if (way) way.value = ''
})
