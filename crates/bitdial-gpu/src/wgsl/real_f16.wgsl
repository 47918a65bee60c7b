enable f16;

// What tiles hold and what multiplies: f16. The products of a tile are summed in f16, tiles in f32.
alias Real = f16;
alias Real4 = vec4<f16>;
const HALF = true;
