// One SVG file with a <symbol> per used icon: pages refer to it by <use href="icons.svg#name">.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const STROKE = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'

async function readSymbol(name, folder) {
  const svg = await readFile(join(folder, 'outline', `${name}.svg`), 'utf8')
  const drawing = svg
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/^[\s\S]*?<svg[^>]*>/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, '')
    .replace(/\s*\n\s*/g, '')
  return `<symbol id="${name}" viewBox="0 0 24 24" ${STROKE}>${drawing}</symbol>`
}

/** @param {string} list names of icons, one a line; lines that begin with # are comments */
export async function buildSprite(list, folder) {
  const names = list.split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#'))
  const symbols = await Promise.all(names.sort().map((name) => readSymbol(name, folder)))
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('\n')}</svg>\n`
}
