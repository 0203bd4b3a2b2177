// The running number of serial numbers in a text field, [data-serials="id of the output"].
import { onElements } from './dom.js'
import { countSerials } from './serial-count.js'

onElements('textarea[data-serials]', (field) => {
  const output = document.getElementById(field.dataset.serials)
  const show = () => {
    output.textContent = countSerials(field.value).toLocaleString(document.documentElement.lang)
  }
  field.addEventListener('input', show)
  show()
})
