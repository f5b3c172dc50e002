// TensorBoard imports ./static/index.js by that name and serves it under any path prefix: one file, a fixed name, a relative base.
// The entry keeps its exports, because TensorBoard calls render() itself. Library mode is not used: it would emit the css beside the script.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: './',
  publicDir: false,
  build: {
    target: 'es2022',
    outDir: process.env.TB_NAN_STATIC_DIR ?? '../tb_nan_plugin/static',
    emptyOutDir: true,
    sourcemap: false,
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: 'src/main.ts',
      preserveEntrySignatures: 'strict',
      output: { format: 'es', entryFileNames: 'index.js', codeSplitting: false },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['test/**/*.test.ts'],
  },
});
