// What tiles hold and what multiplies: f32.
alias Real = f32;
alias Real4 = vec4<f32>;
const HALF = false;
