// The code in a delivery note's picture stands in the fragment of its address, which no server ever sees: #code=…
// On the page that asks for it, it moves into the field and out of the address. A page on the way there, such as the
// login, hands it on with its form.
import { onElements } from './dom.js'

const START = '#code='

function takeOver(field) {
  if (!location.hash.startsWith(START)) return
  field.value = decodeURIComponent(location.hash.slice(START.length))
  history.replaceState(history.state, '', location.pathname + location.search)
}

onElements('[data-take-code]', takeOver)

if (location.hash.startsWith(START) && !document.querySelector('[data-take-code]')) {
  for (const form of document.querySelectorAll('main form[method=post]')) form.action += location.hash
}
