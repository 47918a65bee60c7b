// What the bench needs of LiteRT.js, for esbuild to bundle.
export { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";
