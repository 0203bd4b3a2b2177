// Builds everything that the pages load into src/meterkeys/web/static/dist/. See README.md.
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import * as sass from 'sass'
import { buildSprite } from './build/sprite.mjs'
import { collectLicences } from './build/licences.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const STATIC = join(HERE, '../src/meterkeys/web/static')
const MODULES = join(HERE, 'node_modules')

async function buildScripts(folder) {
  const result = await build({
    absWorkingDir: HERE,
    entryPoints: ['js/app.js', 'js/theme.js'],
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  return Object.keys(result.metafile.inputs)
}

async function buildStyles(folder) {
  const result = sass.compile(join(HERE, 'scss/app.scss'), {
    loadPaths: [MODULES],
    style: 'compressed',
    quietDeps: true,
  })
  await writeFile(join(folder, 'app.css'), result.css)
  return result.loadedUrls.filter((url) => url.protocol === 'file:').map((url) => fileURLToPath(url))
}

async function buildIcons(folder) {
  const list = await readFile(join(HERE, 'icons.txt'), 'utf8')
  await writeFile(join(folder, 'icons.svg'), await buildSprite(list, join(MODULES, '@tabler/icons/icons')))
  await copyFile(join(HERE, 'assets/favicon.svg'), join(folder, 'favicon.svg'))
  return [join(MODULES, '@tabler/icons/package.json')]
}

async function buildAll(folder) {
  const sources = await Promise.all([buildScripts(folder), buildStyles(folder), buildIcons(folder)])
  await writeFile(join(folder, 'LICENSES.txt'), await collectLicences(sources.flat(), MODULES))
}

// Built beside and put in place whole: a build that fails leaves the last one standing.
await mkdir(STATIC, { recursive: true })
const draft = await mkdtemp(join(MODULES, '.dist-'))
try {
  await buildAll(draft)
  await chmod(draft, 0o755)
  await rm(join(STATIC, 'dist'), { recursive: true, force: true })
  await rename(draft, join(STATIC, 'dist'))
} finally {
  await rm(draft, { recursive: true, force: true })
}
