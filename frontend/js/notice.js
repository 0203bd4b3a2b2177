// The cross of a message takes it away; nothing vanishes by itself.
import { closestTo } from './dom.js'

document.addEventListener('click', (event) => {
  closestTo(event, '[data-dismiss]')?.closest('.notice').remove()
})
