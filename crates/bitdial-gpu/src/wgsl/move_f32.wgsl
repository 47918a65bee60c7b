// Moves f32, one element of the result a thread.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let image = index / p.y_words;
    if (image >= p.images) {
        return;
    }
    let at = source(index % p.y_words);
    if (at >= 0) {
        arena[p.y + index] = arena[p.x + image * p.x_words + u32(at)];
    } else if (p.keep == 0u) {
        arena[p.y + index] = p.border;
    }
}
