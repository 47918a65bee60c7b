// Moves u8, four elements of the result a thread.

// Whether elements are mapped by the table.
override MAP: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * 64u;
    let image = index / p.y_words;
    if (image >= p.images) {
        return;
    }
    let word = index % p.y_words;
    let last_words = (p.y_last + 3u) / 4u;
    let first = 4u * (word % last_words);
    let start = word / last_words * p.y_last + first;
    let x_row = (p.x_last + 3u) / 4u;
    var bytes = unpack(arena[p.y + index]);
    for (var i = 0u; i < 4u; i++) {
        if (first + i >= p.y_last) {
            bytes[i] = 0;
            continue;
        }
        let at = source(start + i);
        if (at >= 0) {
            let base = u32(at) / p.x_last * x_row * 4u + u32(at) % p.x_last;
            var byte = (arena[p.x + image * p.x_words + base / 4u] >> (8u * (base % 4u))) & 0xFFu;
            if (MAP) {
                byte = (constant(p.table, byte / 4u) >> (8u * (byte % 4u))) & 0xFFu;
            }
            bytes[i] = i32(byte);
        } else if (p.keep == 0u) {
            bytes[i] = i32(p.border);
        }
    }
    arena[p.y + index] = pack(bytes);
}
